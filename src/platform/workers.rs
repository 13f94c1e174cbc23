//! Worker threads for password hashes and signatures, which would block the runtime's threads.
//!
//! Each network has a queue, and the threads serve the queues in turn. When too many jobs wait, the longest queue loses
//! its newest job: no network can use up the time of the others.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use thread_priority::unix::{NormalThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};
use thread_priority::{ThreadPriority, ThreadSchedulePolicy};
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::locks;
use crate::model::Network;

/// `Retry-After` of a refused job, in seconds.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Scheduling priority of the threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The default of the system.
    Normal,
    /// Idle processor time only (Linux `SCHED_IDLE`).
    Idle,
}

/// Number of threads and capacity of the queues.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Threads, at least one.
    pub threads: usize,
    /// Maximum number of waiting jobs, over all networks.
    pub waiting: usize,
}

/// Runs with the state of a thread; without one it only reports that it was not run.
type Job<S> = Box<dyn FnOnce(Option<&mut S>) + Send>;

/// Threads behind bounded queues; each thread keeps a state `S` between jobs.
pub struct Workers<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    queues: Mutex<Queues<Job<S>>>,
    more: Condvar,
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Queues<Job<S>>> {
        locks::lock(&self.queues)
    }
}

impl<S: Default + 'static> Workers<S> {
    /// Starts the threads; they end when this value is dropped.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(name: &str, size: Size, priority: Priority) -> Result<Self> {
        let queues = Mutex::new(Queues::new(size.waiting));
        let workers = Self { shared: Arc::new(Shared { queues, more: Condvar::new() }) };
        for _ in 0..size.threads.max(1) {
            let shared = workers.shared.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&shared, priority))
                .map_err(Error::internal)?;
        }
        Ok(workers)
    }

    /// Number of waiting jobs.
    pub fn waiting(&self) -> usize {
        self.shared.lock().jobs
    }

    /// Runs `job` on one of the threads for a caller from `network`. A job whose caller has disconnected is skipped.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many jobs wait and this network has the longest queue.
    pub async fn run<T, F>(&self, network: Network, job: F) -> Result<T>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| match state {
            Some(state) if !reply.is_closed() => {
                let _ = reply.send(Ok(job(state)));
            }
            Some(_) => {}
            None => {
                let error =
                    Error::unavailable("too many jobs wait for a worker").retry_after(RETRY_AFTER_SECONDS);
                let _ = reply.send(Err(error));
            }
        });
        let displaced = self.shared.lock().push(network.site().unwrap_or(network), job);
        self.shared.more.notify_one();
        if let Some(displaced) = displaced {
            displaced(None);
        }
        answer.await.unwrap_or_else(|_| Err(Error::internal("a worker's job panicked")))
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.more.notify_all();
    }
}

fn work<S: Default>(shared: &Shared<S>, priority: Priority) {
    if priority == Priority::Idle {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
            tracing::warn!(?error, "sign-ins may slow verification: the system refused the idle priority");
        }
    }
    let mut state = S::default();
    loop {
        let mut queues = shared.lock();
        let job = loop {
            if queues.closed {
                return;
            }
            match queues.pop() {
                Some(job) => break job,
                None => queues = locks::wait(&shared.more, queues),
            }
        };
        drop(queues);
        if std::panic::catch_unwind(AssertUnwindSafe(|| job(Some(&mut state)))).is_err() {
            state = S::default();
        }
    }
}

/// Waiting jobs by network; networks are served in turn.
struct Queues<J> {
    waiting: HashMap<Network, VecDeque<J>>,
    /// Networks with jobs, in the order of service.
    turns: VecDeque<Network>,
    jobs: usize,
    most: usize,
    closed: bool,
}

impl<J> Queues<J> {
    fn new(most: usize) -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), jobs: 0, most: most.max(1), closed: false }
    }

    /// Adds a job. When too many wait, returns the job to refuse: the newest of the longest queue.
    fn push(&mut self, network: Network, job: J) -> Option<J> {
        if self.jobs >= self.most {
            let own = self.waiting.get(&network).map_or(0, VecDeque::len);
            let longest = self.waiting.iter().max_by_key(|(network, jobs)| (jobs.len(), **network));
            let longest = longest.filter(|(_, jobs)| jobs.len() > own + 1).map(|(network, _)| *network);
            let Some(longest) = longest else { return Some(job) };
            let displaced = self.waiting.get_mut(&longest).and_then(VecDeque::pop_back);
            self.add(network, job);
            return displaced;
        }
        self.add(network, job);
        self.jobs += 1;
        None
    }

    fn add(&mut self, network: Network, job: J) {
        let queue = self.waiting.entry(network).or_default();
        if queue.is_empty() {
            self.turns.push_back(network);
        }
        queue.push_back(job);
    }

    /// Oldest job of the next network.
    fn pop(&mut self) -> Option<J> {
        let network = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&network)?;
        let job = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&network);
        } else {
            self.turns.push_back(network);
        }
        self.jobs -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    const HERE: Network = Network::UNKNOWN;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[tokio::test]
    async fn a_full_queue_is_unavailable_and_a_panic_ends_no_thread() {
        let workers = Workers::<u32>::start("test", Size { threads: 1, waiting: 1 }, Priority::Idle).unwrap();
        assert_eq!(workers.run(HERE, |_| panic!("on purpose")).await.unwrap_err().code, Code::Internal);
        let (started, has_started) = std::sync::mpsc::channel();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = workers.run(HERE, move |_| {
            started.send(()).unwrap();
            held.recv().unwrap();
        });
        let mut busy = std::pin::pin!(busy);
        assert!(poll(busy.as_mut()).is_none());
        has_started.recv().unwrap();
        let mut waiting = std::pin::pin!(workers.run(HERE, |state| *state));
        assert!(poll(waiting.as_mut()).is_none());
        let refused = workers.run(HERE, |_| ()).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after_seconds), (Code::Unavailable, Some(2)));
        release.send(()).unwrap();
        busy.await.unwrap();
        assert_eq!(waiting.await.unwrap(), 0);
    }

    #[test]
    fn networks_are_served_in_turn_and_the_longest_queue_gives_way() {
        let (one, two, three) = (network("192.0.2.1"), network("198.51.100.1"), network("2001:db8::1"));
        let mut queues = Queues::new(6);
        for job in 0..6 {
            assert_eq!(queues.push(one, (one, job)), None);
        }
        assert_eq!(queues.push(one, (one, 6)), Some((one, 6)), "a network displaces none of its own");
        assert_eq!(queues.push(two, (two, 0)), Some((one, 5)));
        assert_eq!(queues.push(three, (three, 0)), Some((one, 4)));
        assert_eq!(queues.push(two, (two, 1)), Some((one, 3)));
        assert_eq!(queues.push(two, (two, 2)), Some((two, 2)), "three and three are even");
        let order: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(order, [(one, 0), (two, 0), (three, 0), (one, 1), (two, 1), (one, 2)]);
        assert!(queues.waiting.is_empty() && queues.turns.is_empty() && queues.jobs == 0);
    }

    #[test]
    fn many_networks_cannot_displace_those_that_wait_already() {
        let mut queues = Queues::new(100);
        let flood = |n: u32| network(&format!("10.{}.{}.1", n >> 8, n & 255));
        let admitted = (0..4_096).filter(|n| queues.push(flood(*n), *n).is_none()).count();
        assert_eq!((admitted, queues.jobs, queues.turns.len()), (100, 100, 100));
        assert_eq!(queues.pop(), Some(0));
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
