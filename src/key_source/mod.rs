//! Tenants' public keys: fetched, guarded, cached.
