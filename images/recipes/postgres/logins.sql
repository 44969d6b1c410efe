-- One login with a database of its own, which no other login may enter. May run again: it only brings what is missing.
select format('create role %I login', :'login') where not exists (select from pg_roles where rolname = :'login') \gexec
select format('alter role %I password %L', :'login', :'password') \gexec
select format('create database %I owner %I', :'login', :'login')
    where not exists (select from pg_database where datname = :'login') \gexec
select format('revoke all on database %I from public', :'login') \gexec
