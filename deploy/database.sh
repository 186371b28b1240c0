#!/bin/sh
# Run once, by the image of PostgreSQL, when its folder is new: the trainer's role owns its database and no other.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 --set password="$TRAINER_PASSWORD" <<'SQL'
CREATE ROLE trainer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE trainer OWNER trainer;
REVOKE ALL ON DATABASE trainer FROM PUBLIC;
SQL
