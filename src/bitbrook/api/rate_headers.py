"""What is left of a rate, as headers of an answer."""

from bitbrook.control.rates import Allowance

NO_LIMIT = 999_999_999_999_999
"""What an answer says where there is no limit: the largest number that such a header can hold."""

UNLIMITED = Allowance(NO_LIMIT, NO_LIMIT, 0)


def rate_headers(allowance: Allowance | None) -> dict[str, str]:
    """Return what may be sent after this, in the words of the refusal that may follow."""
    limit, remaining, reset_s = allowance or UNLIMITED
    return {
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(remaining),
        "ratelimit-reset": str(reset_s),
    }
