//! Threads of our own for work that would hold up the runtime's: password hashes and signatures.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use thread_priority::unix::{NormalThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};
use thread_priority::{ThreadPriority, ThreadSchedulePolicy};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// Seconds after which a caller may come back when the queue was full.
const RETRY_AFTER_SECONDS: u64 = 2;

/// When the system lets the threads run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Like every other thread.
    Normal,
    /// Only when nothing else wants the processor (Linux `SCHED_IDLE`).
    Idle,
}

/// How many threads, and how much may wait for them.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Threads, at least one.
    pub threads: usize,
    /// Jobs that may wait; one more is answered with `UNAVAILABLE`.
    pub waiting: usize,
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A few threads behind one bounded queue; each keeps a state `S` from job to job.
pub struct Workers<S> {
    queue: SyncSender<Job<S>>,
}

impl<S: Default + 'static> Workers<S> {
    /// Starts the threads; they end when this value is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(name: &str, size: Size, priority: Priority) -> Result<Self> {
        let (queue, jobs) = sync_channel(size.waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..size.threads.max(1) {
            let jobs = jobs.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&jobs, priority))
                .map_err(Error::internal)?;
        }
        Ok(Self { queue })
    }

    /// Runs `job` on one of the threads. Nothing is done for a caller that has gone away meanwhile.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many wait already.
    pub async fn run<T, F>(&self, job: F) -> Result<T>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            if !reply.is_closed() {
                let _ = reply.send(job(state));
            }
        });
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                Error::unavailable("too many jobs wait for a worker").retry_after(RETRY_AFTER_SECONDS)
            }
            TrySendError::Disconnected(_) => Error::internal("the workers have ended"),
        })?;
        answer.await.map_err(|_| Error::internal("a worker's job panicked"))
    }
}

fn work<S: Default>(jobs: &Mutex<Receiver<Job<S>>>, priority: Priority) {
    if priority == Priority::Idle {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
            tracing::warn!(?error, "sign-ins may slow verification: the system refused the idle priority");
        }
    }
    let mut state = S::default();
    loop {
        // One thread waits in the channel, the others wait for the lock.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if std::panic::catch_unwind(AssertUnwindSafe(|| job(&mut state))).is_err() {
            state = S::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn a_full_queue_is_unavailable_and_a_panic_ends_no_thread() {
        let workers = Workers::<u32>::start("test", Size { threads: 1, waiting: 1 }, Priority::Idle).unwrap();
        assert_eq!(workers.run(|_| panic!("on purpose")).await.unwrap_err().code, Code::Internal);
        let (started, has_started) = std::sync::mpsc::channel();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = workers.run(move |_| {
            started.send(()).unwrap();
            held.recv().unwrap();
        });
        let mut busy = std::pin::pin!(busy);
        assert!(futures_poll(busy.as_mut()).is_none());
        has_started.recv().unwrap();
        let mut waiting = std::pin::pin!(workers.run(|state| *state));
        assert!(futures_poll(waiting.as_mut()).is_none());
        let refused = workers.run(|_| ()).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after_seconds), (Code::Unavailable, Some(2)));
        release.send(()).unwrap();
        busy.await.unwrap();
        assert_eq!(waiting.await.unwrap(), 0);
    }

    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
