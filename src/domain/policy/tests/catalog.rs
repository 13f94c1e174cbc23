//! The APIs in memory.

use super::*;
use crate::domain::policy::catalog::{Apis, Catalog};

#[test]
fn apis_are_found_by_number_and_slug_until_they_are_replaced() {
    let built_in = Api { slug: crate::model::api::BUILT_IN_SLUG.to_owned(), ..api(1) };
    let catalog = Catalog::new(Apis::new(vec![built_in.clone(), api(7)]));
    let before = catalog.get();
    assert_eq!(before.built_in().no, 1);
    assert_eq!(before.by_no(7).map(|api| api.slug.as_str()), Some("api7"));
    assert_eq!(before.by_slug("api7").map(|api| api.no), Some(7));
    assert!(before.by_no(8).is_none() && before.by_slug("api8").is_none());

    catalog.install(Apis::new(vec![built_in.clone(), api(8)]), 2);
    catalog.install(Apis::new(vec![built_in]), 1);
    assert!(catalog.get().by_no(7).is_none());
    assert_eq!(catalog.get().by_slug("api8").map(|api| api.no), Some(8));
    assert!(before.by_no(7).is_some(), "what a caller holds stays as it is");
}
