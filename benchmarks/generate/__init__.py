"""How long it takes to generate everything for 500 tenants: all rules, all dashboards, all objects."""
