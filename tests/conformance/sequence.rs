//! Statements that run in the order of their document, first through nginx, then through Caddy, against one instance.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::documents::Document;
use crate::proxy::Kind;
use crate::support;
use crate::world::{Course, World};

/// Time limit of one statement: one of them counts two thousand requests.
const LONGEST: Duration = Duration::from_secs(180);

/// A running statement; it panics with what is wrong.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One statement, not yet bound to a proxy.
pub struct Statement {
    /// The last part of the test's name.
    pub name: String,
    /// Runs it.
    pub run: Box<dyn Fn(Arc<Course>) -> Running + Send + Sync>,
}

/// See the module's documentation.
pub struct Sequence {
    name: String,
    document: Arc<Document>,
    statements: Vec<Statement>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    world: Option<Arc<World>>,
    course: Option<Arc<Course>>,
    /// Of the tests that ran so far, in order.
    results: Vec<Result<(), String>>,
}

impl Sequence {
    pub fn new(name: &str, document: &Arc<Document>, statements: Vec<Statement>) -> Self {
        Self { name: name.to_owned(), document: document.clone(), statements, state: Mutex::default() }
    }

    /// The number of tests: each statement once per proxy.
    pub fn len(&self) -> usize {
        self.statements.len() * Kind::ALL.len()
    }

    fn split(&self, at: usize) -> (Kind, &Statement) {
        let count = self.statements.len();
        (Kind::ALL[at / count], &self.statements[at % count])
    }

    /// The name of a test.
    pub fn name(&self, at: usize) -> String {
        let (kind, statement) = self.split(at);
        format!("{}::{}::{}", self.name, kind.name().to_lowercase(), statement.name)
    }

    /// Runs a test, and before it those that it builds on, unless they ran before.
    pub async fn result(&self, at: usize) -> Result<(), String> {
        let mut state = self.state.lock().await;
        while state.results.len() <= at {
            let next = state.results.len();
            let (kind, statement) = self.split(next);
            if next % self.statements.len() == 0 {
                self.begin(&mut state, kind).await;
            }
            let course = state.course.clone().expect("a course has begun");
            course.world.upstream.take();
            let result = attempt((statement.run)(course)).await;
            state.results.push(result);
        }
        state.results[at].clone()
    }

    async fn begin(&self, state: &mut State, kind: Kind) {
        // Installed before the time of a statement counts.
        support::libraries::python().await;
        if state.world.is_none() {
            state.world = Some(Arc::new(World::start(self.document.clone()).await));
        }
        let world = state.world.clone().expect("just started");
        state.course = Some(Arc::new(Course::start(world, kind).await));
    }
}

/// The result of a statement: the message that it panicked with, if it did.
async fn attempt(statement: Running) -> Result<(), String> {
    match tokio::spawn(tokio::time::timeout(LONGEST, statement)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(format!("not done after {} s", LONGEST.as_secs())),
        Err(error) => {
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
        }
    }
}

/// The words of a sentence as a part of a test's name.
pub fn slug(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}
