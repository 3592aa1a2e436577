"""What several tests share: a small installation on a folder, and a PostgreSQL server where there is one."""
