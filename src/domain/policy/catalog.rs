//! All APIs of the instance, in memory: few, small, and needed for each request. Replaced as a whole after each commit
//! that changes one, before the change is answered.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::locks;
use crate::model::Api;
use crate::model::api::BUILT_IN_SLUG;

/// The APIs of one committed state.
#[derive(Debug, Default)]
pub struct Apis {
    by_no: HashMap<i64, Arc<Api>>,
    by_slug: HashMap<String, Arc<Api>>,
    /// Used by every call of the built-in API, so it is not looked up.
    built_in: Option<Arc<Api>>,
}

impl Apis {
    /// Indexes `apis`.
    pub fn new(apis: Vec<Api>) -> Self {
        let mut all = Self::default();
        for api in apis {
            let api = Arc::new(api);
            if api.slug == BUILT_IN_SLUG {
                all.built_in = Some(api.clone());
            }
            all.by_no.insert(api.no, api.clone());
            all.by_slug.insert(api.slug.clone(), api);
        }
        all
    }

    /// By row number.
    pub fn by_no(&self, no: i64) -> Option<&Arc<Api>> {
        self.by_no.get(&no)
    }

    /// By slug.
    pub fn by_slug(&self, slug: &str) -> Option<&Arc<Api>> {
        self.by_slug.get(slug)
    }

    /// The built-in API.
    ///
    /// # Panics
    /// Never on an initialised store: it has the built-in API from its first transaction on.
    pub fn built_in(&self) -> &Arc<Api> {
        self.built_in.as_ref().expect("the store is made with the built-in API")
    }

    /// All APIs, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Api>> {
        self.by_no.values()
    }
}

/// The current [`Apis`], with the number of the change at which they were read.
#[derive(Debug, Default)]
pub struct Catalog(RwLock<(u64, Arc<Apis>)>);

impl Catalog {
    /// A catalog of `apis`.
    pub fn new(apis: Apis) -> Self {
        Self(RwLock::new((0, Arc::new(apis))))
    }

    /// The current APIs; the value does not change while the caller holds it.
    pub fn get(&self) -> Arc<Apis> {
        locks::read(&self.0).1.clone()
    }

    /// Installs `apis`, read at change `no`, unless later ones are installed.
    pub fn install(&self, apis: Apis, no: u64) {
        let mut current = locks::write(&self.0);
        if no >= current.0 {
            *current = (no, Arc::new(apis));
        }
    }
}
