"""How Alembic runs a revision: on the connection and in the transaction that `blueprint_kit.migrations` opened."""

from alembic import context

from app.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
