"""How Alembic runs a revision: on the connection and in the transaction that `blueprint_kit.migrations` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
