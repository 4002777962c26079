"""The API, the dashboard and what else an operator looks at."""
