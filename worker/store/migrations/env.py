"""Alembic's entry: run the migrations on the engine that the store has opened."""

from alembic import context

from worker.store.models import Base

engine = context.config.attributes["engine"]

with engine.connect().execution_options(matcher_write=True) as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
