//! eqp-postgres
