/** The API by its resources: one function a call, named for what it returns. */

import { call, send } from "./http.js";

const part = encodeURIComponent;

export const me = () => call("/v1/users/me");
export const changePassword = (oldPassword, newPassword) => call("/v1/users/me/password", {
  method: "POST", body: { old_password: oldPassword, new_password: newPassword },
});

export const shapes = async () =>
  (await call("/v1/service-properties/deployment:shapes")).shapes;
export const deployments = async () => (await call("/v1/deployments")).deployments;
export const deployment = (id) => call(`/v1/deployments/${part(id)}`);
export const createDeployment = (name, shape) => call("/v1/deployments", {
  method: "POST", body: { name, deployment_options: { shape } },
});
export const deleteDeployment = (id) =>
  call(`/v1/deployments/${part(id)}`, { method: "DELETE" });

export const tables = async (id) => (await call(`/v1/tables/${part(id)}`)).tables;
export const table = (id, name) => call(`/v1/tables/${part(id)}/${part(name)}`);
export const createTable = (id, body) => call(`/v1/tables/${part(id)}`, { method: "POST", body });
export const deleteTable = (id, name) =>
  call(`/v1/tables/${part(id)}/${part(name)}`, { method: "DELETE" });
export const exportTable = (id, name, format) =>
  send(`/v1/tables/${part(id)}/${part(name)}/export?format=${part(format)}`);

export const sources = async () => (await call("/v1/sinks")).sinks;
export const source = (id) => call(`/v1/sinks/${part(id)}`);
export const createSource = (body) => call("/v1/sinks", { method: "POST", body });
export const deleteSource = (id) => call(`/v1/sinks/${part(id)}`, { method: "DELETE" });
export const pauseSource = (id) => call(`/v1/sinks/${part(id)}/pause`, { method: "POST" });
export const resumeSource = (id) => call(`/v1/sinks/${part(id)}/resume`, { method: "POST" });
export const changeSource = (id, body) =>
  call(`/v1/sinks/${part(id)}`, { method: "PATCH", body });
export const sourceErrors = async (id) => (await call(`/v1/sinks/${part(id)}/errors`)).errors;
export const sendRecords = (id, records) =>
  call(`/v1/sinks/${part(id)}`, { method: "POST", body: { records } });
export const checkSchema = (body, signal) =>
  call("/v1/schema-checks", { method: "POST", body, signal });

export const pastQueries = async (id, limit = 100) =>
  (await call(`/v1/deployments/${part(id)}/queries?limit=${limit}`)).queries;
export const savedQueries = async () => (await call("/v1/saved-queries")).saved_queries;
export const saveQuery = (body) => call("/v1/saved-queries", { method: "POST", body });
export const changeSavedQuery = (id, body) =>
  call(`/v1/saved-queries/${part(id)}`, { method: "PATCH", body });
export const deleteSavedQuery = (id) =>
  call(`/v1/saved-queries/${part(id)}`, { method: "DELETE" });
/**
 * Return the response to a statement.
 * @param {string} id of the deployment
 * @param {string} language
 * @param {string} statement
 * @param {{accept?: string, signal?: AbortSignal}} [options]
 */
export const ask = (id, language, statement, { accept, signal } = {}) =>
  send(`/v1/deployments/${part(id)}/query`, {
    method: "POST", body: { language, statement }, accept, signal,
  });

export const endpoints = async () => (await call("/v1/endpoints")).endpoints;
export const endpoint = (name) => call(`/v1/endpoints/${part(name)}/definition`);
export const publishEndpoint = (body) => call("/v1/endpoints", { method: "POST", body });
export const publishVersion = (name, body) =>
  call(`/v1/endpoints/${part(name)}/versions`, { method: "POST", body });
export const changeEndpoint = (name, body) =>
  call(`/v1/endpoints/${part(name)}`, { method: "PATCH", body });
export const deleteEndpoint = (name) =>
  call(`/v1/endpoints/${part(name)}`, { method: "DELETE" });
export const tagEndpoint = (name, tag, version) =>
  call(`/v1/endpoints/${part(name)}/tags/${part(tag)}`, { method: "POST", body: { version } });
export const untagEndpoint = (name, tag) =>
  call(`/v1/endpoints/${part(name)}/tags/${part(tag)}`, { method: "DELETE" });
export const callEndpoint = (address, signal) => send(address, { signal });

export const languages = () => call("/v1/languages");

export const users = async () => (await call("/v1/users")).users;
export const changeRole = (id, role) =>
  call(`/v1/users/${part(id)}`, { method: "PATCH", body: { role } });
export const deactivateUser = (id) =>
  call(`/v1/users/${part(id)}/deactivate`, { method: "POST" });
export const activateUser = (id) => call(`/v1/users/${part(id)}/activate`, { method: "POST" });
export const removeUser = (id) => call(`/v1/users/${part(id)}`, { method: "DELETE" });
export const invites = async () => (await call("/v1/invites")).invites;
export const invite = (email, role) =>
  call("/v1/invites", { method: "POST", body: { email, role } });
export const revokeInvite = (id) => call(`/v1/invites/${part(id)}`, { method: "DELETE" });
export const acceptInvite = (token, password) =>
  call("/v1/invites/accept", { method: "POST", body: { token, password } });
export const apiKeys = async () => (await call("/v1/api-keys")).api_keys;
export const createApiKey = (body) => call("/v1/api-keys", { method: "POST", body });
export const revokeApiKey = (id) => call(`/v1/api-keys/${part(id)}`, { method: "DELETE" });
export const beginPasswordReset = (id) =>
  call(`/v1/users/${part(id)}/password-reset`, { method: "POST" });
export const resetPassword = (token, password) =>
  call("/v1/password-reset", { method: "POST", body: { token, password } });
export const signInOptions = () => call("/v1/sign-in-options");
export const audit = (wanted) => call(`/v1/audit?${new URLSearchParams(wanted)}`);
export const exportAudit = (wanted) => send(`/v1/audit/export?${new URLSearchParams(wanted)}`);
