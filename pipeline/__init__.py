"""How numbers come about: pure logic, and one module per backend. No dagster, no jinja2."""
