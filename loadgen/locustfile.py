"""Open arrivals with Locust: `locust -f loadgen/locustfile.py --headless --host http://127.0.0.1:8000`.

Tenants' keys come from CLAIMBENCH_TENANT_KEYS (`1:key,2:key`), the admin token from
CLAIMBENCH_ADMIN_TOKEN; `docs/load.md` tells about `--plan`, and about more than one process or machine.
"""

from claimbench.loadgen.load.user import OpenArrivals, register

__all__ = ["OpenArrivals"]

register()
