/** Where one can go: the pages, by their addresses, and the places that are one key away. */

import { accountPage } from "./pages/account.js";
import { apiKeysPage } from "./pages/api_keys.js";
import { auditPage } from "./pages/audit.js";
import { deploymentPage } from "./pages/deployment.js";
import { endpointPage } from "./pages/endpoint.js";
import { endpointsPage } from "./pages/endpoints.js";
import { newSourcePage } from "./pages/new_source.js";
import { overviewPage } from "./pages/overview.js";
import { queryPage } from "./pages/query.js";
import { sourcePage } from "./pages/source.js";
import { sourcesPage } from "./pages/sources.js";
import { tablePage } from "./pages/table.js";
import { usersPage } from "./pages/users.js";

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { path: "/", title: "Overview", render: overviewPage },
  { path: "/d/:deployment", title: "Deployment", render: deploymentPage },
  { path: "/d/:deployment/t/:table", title: "Table", render: tablePage },
  { path: "/sources", title: "Sources", render: sourcesPage },
  { path: "/new-source", title: "New source", render: newSourcePage },
  { path: "/s/:source", title: "Source", render: sourcePage },
  { path: "/query", title: "Query", render: queryPage, wide: true },
  { path: "/endpoints", title: "Endpoints", render: endpointsPage },
  { path: "/e/:endpoint", title: "Endpoint", render: endpointPage },
  { path: "/account", title: "Account", render: accountPage },
  { path: "/keys", title: "API keys", render: apiKeysPage },
  { path: "/users", title: "Users", render: usersPage, admin: true },
  { path: "/audit", title: "Audit log", render: auditPage, admin: true },
];

/**
 * `key`: what follows `g`. `covers`: beginnings of the addresses that belong to a place.
 * @type {{path: string, title: string, key: string, glyph: any, covers: string[], group?: string,
 *   admin?: boolean}[]}
 */
export const PLACES = [
  { path: "/", title: "Overview", key: "o", glyph: "overview", covers: ["/d/"] },
  { path: "/sources", title: "Sources", key: "s", glyph: "sources", covers: ["/s/", "/new-source"] },
  { path: "/query", title: "Query", key: "q", glyph: "query", covers: [] },
  { path: "/endpoints", title: "Endpoints", key: "e", glyph: "endpoints", covers: ["/e/"] },
  { path: "/keys", title: "API keys", key: "k", glyph: "keys", covers: [], group: "admin" },
  {
    path: "/users", title: "Users", key: "u", glyph: "users", covers: [], group: "admin",
    admin: true,
  },
  {
    path: "/audit", title: "Audit log", key: "l", glyph: "audit", covers: [], group: "admin",
    admin: true,
  },
];
