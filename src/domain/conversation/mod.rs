//! What happens now? A conversation's rules as two functions: `decide` says what an event leads to and changes
//! nothing; `apply` takes a stored entry and cannot refuse.

mod authentication;
mod entry;
mod message;

pub use authentication::{Authenticated, Authentication};
pub use entry::{
    Assignment, Author, DowngradeReason, Downgraded, Ended, EndedBy, Entry, Fact, Message, Role,
    SignInReason, SignedIn, Started,
};
pub use message::{MESSAGE_ID_CHARACTERS_MAX, MessageId, MessageText, TextRefused};
