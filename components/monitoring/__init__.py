"""How people see what the registry does, and hear of trouble before it is one."""
