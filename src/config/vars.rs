//! The environment, read through a trait so that tests never touch the process's own.

use std::collections::{BTreeMap, HashMap};

/// Named values from outside the files.
pub trait Vars {
    /// The value of the variable `name`, if it is set.
    fn get(&self, name: &str) -> Option<String>;

    /// The names of all variables that are set, in any order.
    fn names(&self) -> Vec<String>;
}

/// The process's environment as it stood when this was made. Names and values that are no Unicode are passed over.
#[derive(Debug, Clone)]
pub struct ProcessVars(HashMap<String, String>);

impl ProcessVars {
    /// Reads the whole environment once.
    #[must_use]
    pub fn read() -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(unicode).collect())
    }
}

impl Vars for ProcessVars {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// Given variables; an empty map is an empty environment.
impl Vars for BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).map(|value| (*value).to_owned())
    }

    fn names(&self) -> Vec<String> {
        self.keys().map(|name| (*name).to_owned()).collect()
    }
}
