#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywright::http::fuzzing::request_path(data));
