"""Amazon Bedrock: cost and usage reports, invocation logs, its words for models and tiers."""

from pipeline.provider import Provider
from pipeline.providers.aws_bedrock import cost_and_usage, invocation_log
from pipeline.providers.aws_bedrock.models import ALIASES
from pipeline.providers.aws_bedrock.usage_types import TOKEN_UNITS, sku

_NAMES = (
    "af-south-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 "
    "ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 "
    "ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 "
    "eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 "
    "us-gov-east-1 us-gov-west-1 us-west-1 us-west-2"
)
_REGIONS = tuple(_NAMES.split())
_SERVICES = ("bedrock-runtime", "bedrock-runtime-fips", "bedrock-agent-runtime")

PROVIDER = Provider(
    slug="aws.bedrock",
    title="Amazon Bedrock",
    formats=(cost_and_usage.FORMAT, invocation_log.FORMAT),
    hosts=tuple(f"{service}.{region}.amazonaws.com" for service in _SERVICES for region in _REGIONS),
    logged_names=("aws.bedrock", "aws", "bedrock", "amazon_bedrock"),
    model_prefixes=(
        "amazon.",
        "anthropic.",
        "us.anthropic.",
        "eu.anthropic.",
        "cohere.command",
        "us.amazon.",
    ),
    model_aliases=ALIASES,
    tiers={"default": "standard", "reserved": "standard"},
    prices_id="aws",
    seller="AWS",
    issuers=("aws", "amazon web services", "amazon web services, inc.", "amazon"),
    services=("amazon bedrock", "amazon bedrock service", "*(amazon bedrock edition)"),
    shared_services=("*",),
    sku=sku,
    token_units=TOKEN_UNITS,
    cache_writes=("cache_write_other",),
)
