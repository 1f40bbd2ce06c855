//! Work on a thread of its own. Where some widgets' latencies are measured while others get thousands of frames at
//! once, those others wait here: on one thread the measured ones would stand behind them in the generator's own queue,
//! and that would be taken for the gateway's doing.

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::Fault;

/// Begins this work now, on the core of this thread; what it comes to.
pub(crate) fn beside<T, F>(
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<impl Future<Output = Result<T, Fault>>, Fault>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>>,
{
    let (done, result) = oneshot::channel();
    std::thread::Builder::new().name("beside".to_owned()).spawn(move || {
        let run = || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, work())
        };
        // Nobody waits where the whole run has failed meanwhile.
        let _ = done.send(run());
    })?;
    Ok(async { result.await? })
}
