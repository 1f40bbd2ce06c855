//! Who is signed in at the shop: a cookie with a random value, and whose it is. As every shop has it, and apart from
//! the chat: a token is made for whoever this says.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};

use super::folder::random_hex;
use super::tokens::Customer;

/// Sessions at a time; the oldest makes room.
const SESSIONS_MAX: usize = 256;

/// The shop's sessions. Those of another demo on this machine are apart: a cookie is the same for all ports.
pub(super) struct Sessions {
    cookie: String,
    begun: Mutex<VecDeque<(String, &'static Customer)>>,
}

impl Sessions {
    pub(super) fn new(port: u16) -> Self {
        Self { cookie: format!("lamp-and-light-{port}"), begun: Mutex::default() }
    }

    /// Signs a customer in; what the browser is to keep.
    pub(super) fn begin(&self, customer: &'static Customer) -> HeaderValue {
        let id = random_hex::<16>();
        let kept = format!("{}={id}; Path=/; HttpOnly; SameSite=Strict", self.cookie);
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.truncate(SESSIONS_MAX - 1);
        begun.push_front((id, customer));
        HeaderValue::try_from(kept).expect("a name and hexadecimal digits are plain ASCII")
    }

    /// Who sends these headers.
    pub(super) fn customer(&self, headers: &HeaderMap) -> Option<&'static Customer> {
        let id = self.id(headers)?;
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.iter().find(|(begun, _)| *begun == id).map(|(_, customer)| *customer)
    }

    /// Signs out whoever sends these headers; what the browser is to forget.
    pub(super) fn end(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = self.id(headers) {
            self.begun.lock().unwrap_or_else(PoisonError::into_inner).retain(|(begun, _)| *begun != id);
        }
        let forgotten = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", self.cookie);
        HeaderValue::try_from(forgotten).expect("a name is plain ASCII")
    }

    fn id<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::CUSTOMERS;
    use super::*;

    fn sending(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let both = format!("other=1; {pair}");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(both).unwrap())])
    }

    #[test]
    fn a_session_is_its_customers_until_it_is_ended() {
        let sessions = Sessions::new(8080);
        let [ada, ben] = [&CUSTOMERS[0], &CUSTOMERS[1]].map(|customer| sending(&sessions.begin(customer)));
        assert_eq!(sessions.customer(&ada).map(|customer| customer.id), Some("ada"));
        assert_eq!(sessions.customer(&ben).map(|customer| customer.id), Some("ben"));
        let forgotten = sessions.end(&ada);
        assert!(forgotten.to_str().unwrap().contains("Max-Age=0"));
        assert!(sessions.customer(&ada).is_none() && sessions.customer(&ben).is_some());
        assert!(sessions.customer(&HeaderMap::new()).is_none());
        assert!(Sessions::new(8090).customer(&ben).is_none(), "another demo's cookie");
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(8080);
        let oldest = sending(&sessions.begin(&CUSTOMERS[0]));
        for _ in 0..SESSIONS_MAX - 1 {
            sessions.begin(&CUSTOMERS[1]);
        }
        assert!(sessions.customer(&oldest).is_some());
        sessions.begin(&CUSTOMERS[1]);
        assert!(sessions.customer(&oldest).is_none());
    }
}
