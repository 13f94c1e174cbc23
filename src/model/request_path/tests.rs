use super::*;

fn read(target: &str) -> Result<String, &'static str> {
    RequestPath::of(target).map(|path| path.as_str().to_owned()).map_err(|error| error.0)
}

#[test]
fn a_path_in_its_plain_spelling_is_taken_as_it_is() {
    for (target, path) in [
        ("/", "/"),
        ("/v1/queries", "/v1/queries"),
        ("/v1/queries/", "/v1/queries/"),
        ("/v1/queries?limit=10&next=/a;b&u=//x\\y", "/v1/queries"),
        ("/v1/gr%C3%B6%C3%9Fe", "/v1/größe"),
        ("/v1/gr%c3%b6%c3%9fe/a%20b", "/v1/größe/a b"),
        ("/v1/users/a@b.example", "/v1/users/a@b.example"),
        ("/v1/users/a%40b.example", "/v1/users/a@b.example"),
        ("/v1/docs:search", "/v1/docs:search"),
        ("/v1/hosts/2001:db8::1", "/v1/hosts/2001:db8::1"),
        ("/a/50%25", "/a/50%"),
        ("/a/.well-known/..x/x..", "/a/.well-known/..x/x.."),
        ("/v1/Products(1)", "/v1/Products(1)"),
        ("/v1/max(abs(1))", "/v1/max(abs(1))"),
        ("/(v1)/queries", "/(v1)/queries"),
        ("/v1/queries?page_size=10&a%20b=c", "/v1/queries"),
    ] {
        assert_eq!(read(target).as_deref(), Ok(path), "{target}");
    }
}

#[test]
fn every_other_spelling_is_refused() {
    for (target, why) in [
        ("", NOT_ORIGIN_FORM),
        ("*", NOT_ORIGIN_FORM),
        ("v1/queries", NOT_ORIGIN_FORM),
        ("?x", NOT_ORIGIN_FORM),
        ("#x", NOT_ORIGIN_FORM),
        ("\\v1\\queries", NOT_ORIGIN_FORM),
        ("https://api.example.com/v1/queries?x", NOT_ORIGIN_FORM),
        ("x:http://z?action=x&y=/v1/health", NOT_ORIGIN_FORM),
        ("mailto:/v1/health", NOT_ORIGIN_FORM),
        ("api.example.com:443", NOT_ORIGIN_FORM),
        ("//h/v1/admin/x", EMPTY_SEGMENT),
        ("/\\h/v1/admin/x", CHARACTER),
        ("///v1/queries", EMPTY_SEGMENT),
        ("/v1//queries", EMPTY_SEGMENT),
        ("/v1/queries//", EMPTY_SEGMENT),
        ("/v1/./queries", DOT_SEGMENT),
        ("/v1/x/../queries", DOT_SEGMENT),
        ("/..", DOT_SEGMENT),
        ("/v1/.%20./queries", DOT_SEGMENT),
        ("/v1/...", DOT_SEGMENT),
        ("/v1/%ef%bc%8e%ef%bc%8e/queries", DOT_SEGMENT),
        ("/v1/%2e%2e/admin", NEEDLESS_ESCAPE),
        ("/v1/%71ueries", NEEDLESS_ESCAPE),
        ("/a/%2fadmin", HIDDEN_DELIMITER),
        ("/a/..%2Fadmin", HIDDEN_DELIMITER),
        ("/a/..%5cadmin", HIDDEN_DELIMITER),
        ("/a%3fadmin", HIDDEN_DELIMITER),
        ("/a%23", HIDDEN_DELIMITER),
        ("/a%3bb", HIDDEN_DELIMITER),
        ("/a%00", HIDDEN_DELIMITER),
        ("/a%0d%0aX-Auth-Subject:x", HIDDEN_DELIMITER),
        ("/a%C2%85", HIDDEN_DELIMITER),
        ("/a\u{7f}", CHARACTER),
        ("/a b", CHARACTER),
        ("/größe", CHARACTER),
        ("/a\\..\\admin", CHARACTER),
        ("/a;b", PARAMETER),
        ("/a/..;/admin", PARAMETER),
        ("/(S(x))/admin", PARAMETER),
        ("/admin:$i30:$INDEX_ALLOCATION/x", PARAMETER),
        ("/a#b", FRAGMENT),
        ("/a?x#b", FRAGMENT),
        ("/a%", BROKEN_ESCAPE),
        ("/a%2", BROKEN_ESCAPE),
        ("/a%zz", BROKEN_ESCAPE),
        ("/a%u002fadmin", BROKEN_ESCAPE),
        ("/a%252fadmin", DOUBLE_ESCAPE),
        ("/a%25%32%66admin", DOUBLE_ESCAPE),
        ("/a%25u002fadmin", DOUBLE_ESCAPE),
        ("/a%ff", NOT_UTF8),
        ("/a%c0%afadmin", NOT_UTF8),
        ("/a%ef%bc%8fadmin", WIDE_SLASH),
        ("/a?_method=DELETE", METHOD_OVERRIDE),
        ("/a?x=1&%5Fmethod=DELETE", METHOD_OVERRIDE),
        ("/a?_METHOD[]=DELETE", METHOD_OVERRIDE),
        ("/a?%24httpMethod=DELETE", METHOD_OVERRIDE),
        ("/a?x-http-method-override%5B%5D=DELETE", METHOD_OVERRIDE),
    ] {
        assert_eq!(read(target), Err(why.0), "{target}");
    }
}

#[test]
fn a_pattern_covers_segments_and_a_star_the_rest() {
    let path = |target| RequestPath::of(target).unwrap();
    for (pattern, target) in [
        ("/", "/"),
        ("/v1/queries", "/v1/queries"),
        ("/v1/queries/", "/v1/queries/"),
        ("/v1/queries/{id}", "/v1/queries/17"),
        ("/v1/queries/{id}", "/v1/queries/a%40b"),
        ("/v1/queries/{id}/runs", "/v1/queries/17/runs"),
        ("/v1/*", "/v1"),
        ("/v1/*", "/v1/"),
        ("/v1/*", "/v1/a/b/c/"),
        ("/*", "/"),
        ("/*", "/a"),
        ("/größe", "/gr%C3%B6%c3%9fe"),
    ] {
        assert!(path(target).matches(pattern, false), "{pattern} {target}");
    }
    for (pattern, target) in [
        ("/", "/a"),
        ("/v1/queries", "/v1"),
        ("/v1/queries", "/v1/queries/"),
        ("/v1/queries/", "/v1/queries"),
        ("/v1/queries", "/v1/queries/17"),
        ("/v1/queries", "/v1/Queries"),
        ("/v1/queries/{id}", "/v1/queries"),
        ("/v1/queries/{id}", "/v1/queries/"),
        ("/v1/queries/{id}", "/v1/queries/17/runs"),
        ("/v1/*", "/v2"),
        ("/v1/*", "/v10/a"),
        ("/v1/*/x", "/v1/a/y"),
        ("/v1/docs:search", "/v1/docs%3Asearch"),
    ] {
        assert!(!path(target).matches(pattern, false), "{pattern} {target}");
    }
    assert!(path("/V1/Queries").matches("/v1/queries", true));
    for other in ["/V1/Queries/", "/v1/queries.", "/v1/queries%20", "/v1/queries%CC%81", "/v1/querie%C5%BF"] {
        assert!(!path(other).matches("/v1/queries", true), "{other}");
    }
}

#[test]
fn a_path_may_be_another_for_some_service() {
    let path = |target| RequestPath::of(target).unwrap();
    for (pattern, target) in [
        ("/v1/admin/*", "/V1/Admin/x"),
        ("/v1/admin", "/v1/admin/"),
        ("/v1/admin/", "/v1/admin"),
        ("/v1/admin", "/v1/ADMIN/"),
        ("/v1/admin", "/v1/admin.json"),
        ("/v1/admin", "/v1/Admin.tar.gz"),
        ("/v1/admin/*", "/v1/admin.json"),
        ("/v1/{id}/runs", "/v1/17/runs.xml"),
        ("/v1/admin", "/v1/admin%20"),
        ("/v1/admin", "/v1/admin."),
        ("/v1/admin", "/v1/ADMIN%20"),
        ("/v1/admin/x", "/v1/admin%20/x"),
        ("/v1/admin/x", "/v1/admin./x"),
        ("/v1/admin/x", "/v1/admin.%20./x"),
        ("/v1/admin.", "/v1/admin.."),
        ("/v1/docs:search", "/v1/docs%3Asearch"),
        ("/v1/admin/x", "/index.php/v1/admin/x"),
        ("/v1/admin/x", "/app/INDEX.PHP/v1/Admin/x"),
        ("/", "/index.php"),
        // The long s, the Kelvin sign, full-width letters, a combining mark.
        ("/v1/users", "/v1/u%C5%BFers"),
        ("/v1/keys", "/v1/%E2%84%AAeys"),
        ("/v1/keys", "/v1/%EF%BD%8Beys"),
        ("/v1/keys", "/v1/keys%CC%81"),
        ("/v1/größe", "/v1/GR%C3%96SSE"),
    ] {
        assert!(path(target).may_be(pattern), "{pattern} {target}");
    }
    for (pattern, target) in [
        ("/v1/admin", "/v1/administrator"),
        ("/v1/admin", "/v1/admin-json"),
        ("/v1/admin", "/v1/admin/x"),
        ("/v1/admin/x", "/v1/admin.json/x"),
        ("/", "/a"),
        ("/v1/admin", "/v1/other.json"),
        ("/v1/admin", "/v1/other.php"),
        ("/v1/admin/x", "/index.phps/v1/admin/x"),
        ("/v1/admin/x", "/index.php/v1/other/x"),
        ("/v1/admin/x", "/app/v1/admin/x"),
        ("/v1/admin/x", "/v1/x/admin/x"),
    ] {
        assert!(!path(target).may_be(pattern), "{pattern} {target}");
    }
}

proptest::proptest! {
    /// An accepted path has no second spelling: no escape of a plain character, no empty or dot segment.
    #[test]
    fn what_is_taken_is_plain(target in "/[a-zA-Z%./2e5c;\\\\]{0,24}") {
        if let Ok(path) = RequestPath::of(&target) {
            let plain = path.as_str();
            proptest::prop_assert!(!plain.contains("//") && !plain.contains(['\\', ';']));
            proptest::prop_assert!(plain.split('/').all(|segment| segment != "." && segment != ".."));
            // Only a character that no path may contain unencoded, or one of `sub-delims`, may be escaped.
            if plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte)) {
                proptest::prop_assert_eq!(plain, &target);
            }
        }
    }

    /// A path that a route covers satisfies `may_be`.
    #[test]
    fn covered_is_possible(target in "/[a-cA-C./]{0,12}", pattern in "(/[a-c]{1,2}|/\\{x\\}){0,3}(/\\*|/)?") {
        if let Ok(path) = RequestPath::of(&target) && path.matches(&pattern, false) {
            proptest::prop_assert!(path.may_be(&pattern), "{} {}", target, pattern);
        }
    }
}
