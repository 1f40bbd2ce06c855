//! A shop, its token service and key endpoint, an agent's console.
