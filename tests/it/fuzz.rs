//! The corpora of the fuzz targets, run with the stable compiler.

use keywright::http::fuzzing::TARGETS;

#[test]
fn every_input_of_the_corpora_has_the_properties_of_its_target() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, target) in TARGETS {
        let inputs: Vec<_> = std::fs::read_dir(fuzz.join("corpus").join(name))
            .unwrap_or_else(|error| panic!("fuzz/corpus/{name}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(inputs.len() >= 10, "{name} has a corpus");
        for input in inputs {
            let data = std::fs::read(&input).unwrap();
            if std::panic::catch_unwind(|| target(&data)).is_err() {
                panic!("{} fails: {:?}", input.display(), String::from_utf8_lossy(&data));
            }
        }
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).exists(), "libFuzzer runs {name} too");
    }
}
