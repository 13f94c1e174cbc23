#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywright::http::fuzzing::key_shape(data));
