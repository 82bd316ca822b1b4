"""Settings that every test shares."""

from hypothesis import HealthCheck, settings

# Examples are bounded in number, never in time: test machines are shared and noisy.
settings.register_profile(
    "bitbrook", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("bitbrook")
