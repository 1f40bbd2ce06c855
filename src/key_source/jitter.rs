//! Randomness that keeps tenants and nodes from doing the same thing at the same instant.

use std::fmt;
use std::sync::Arc;

/// Numbers in [0, 1).
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// From the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        Self(Arc::new(|| {
            let mut bytes = [0; 4];
            // Without randomness there is no jitter, which is no reason to have no keys.
            let drawn = aws_lc_rs::rand::fill(&mut bytes);
            drawn.map_or(0.5, |()| f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0))
        }))
    }

    /// Always this number.
    #[must_use]
    pub fn fixed(number: f64) -> Self {
        Self(Arc::new(move || number))
    }

    /// The next number.
    #[must_use]
    pub fn draw(&self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}
