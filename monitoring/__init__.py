"""What is watched, and who is told: scrape jobs, rules, alert routes, dashboards and logs, as data. No Pulumi here."""
