"""Active health checks: which servers are checked, how each kind is asked, and what follows."""
