//! Services of `policy`: the APIs and the engine.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use super::Engine;
use super::catalog::Catalog;
use crate::activity;
use crate::measure::{Family, Labels};

/// Services of `policy` and of the rooms below.
pub struct Services {
    /// Services of the room below.
    pub activity: Arc<activity::Services>,
    /// All APIs, in memory.
    pub catalog: Catalog,
    /// The policy engine.
    pub engine: Engine,
}

impl Deref for Services {
    type Target = Arc<activity::Services>;

    fn deref(&self) -> &Self::Target {
        &self.activity
    }
}

impl Services {
    /// Metrics of this room and of the rooms below.
    pub fn metrics(&self) -> Vec<Family> {
        let load = self.engine.load();
        let mut families = self.activity.metrics();
        families.extend([
            Family::counters(
                "decisions_total",
                "Decisions about requests by what was asked, its outcome and the API.",
                self.decisions(),
            ),
            Family::gauge("cache_keys", "Keys in memory.", load.cached_keys as f64),
            Family::gauge("cache_bytes", "Bytes of the keys in memory.", load.cached_bytes as f64),
            Family::counter("cache_hits_total", "Lookups that found their key in memory.", load.hits),
            Family::counter("cache_misses_total", "Lookups that asked the store.", load.misses),
            Family::gauge("rate_limit_buckets", "Rate limits in use.", load.buckets as f64),
        ]);
        families
    }

    fn decisions(&self) -> Vec<(Labels, f64)> {
        let apis = self.catalog.get();
        let mut samples = BTreeMap::new();
        for (about, count) in self.log.decisions() {
            // Decisions of removed APIs are added up, so that no counter decreases.
            let api = match about.api_no {
                None => String::new(),
                Some(no) => apis.by_no(no).map_or_else(|| "deleted".to_owned(), |api| api.slug.to_string()),
            };
            *samples.entry((about.kind.as_str(), about.reason.as_str(), api)).or_insert(0) += count;
        }
        let labelled = samples.into_iter().map(|((kind, code, api), count)| {
            (vec![("kind", kind.into()), ("code", code.into()), ("api", api.into())], count as f64)
        });
        labelled.collect()
    }
}
