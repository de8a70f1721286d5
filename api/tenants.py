"""``python -m api.tenants NAME``: a tenant and a new admin key for it, for who runs the service.

The store is the one that ``DATABASE_URL`` names. With a tenant that exists, it makes another admin
key, such as for a tenant that has lost its own.
"""

from __future__ import annotations

import argparse
import sys

from matcher.errors import MatcherError
from worker import access
from worker.settings import settings_from_environment
from worker.store.database import Database


def admin_key(database: Database, name: str) -> str:
    """A new admin key for the tenant of that name, which is made if there is none."""
    with database.write() as session:
        tenant = access.tenant_named(session, name) or access.create_tenant(session, name)
        return access.create_key(session, tenant.id, "admin", "admin")[1]


def main() -> None:
    """Print the key."""
    parser = argparse.ArgumentParser(prog="python -m api.tenants", description=__doc__)
    parser.add_argument("name", help="name of the tenant")
    name = parser.parse_args().name
    try:
        database = Database(settings_from_environment().database_url)
        database.migrate()
    except MatcherError as error:
        sys.exit(str(error))
    print(f"Admin key of tenant '{name}', shown this once: {admin_key(database, name)}")
    database.close()


if __name__ == "__main__":
    main()
