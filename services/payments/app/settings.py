"""What payments reads from its environment."""

from pydantic import Field

from blueprint_kit.settings import ServiceSettings


class PaymentsSettings(ServiceSettings):
    """The service's own settings, beside those of every service."""

    service_name: str = "payments"
    grpc_port: int = Field(9000, ge=0, le=65535, description="the port of the gRPC health service; 0 takes a free one")
