#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blazing_sun_server::fuzzing::transcript(bytes));
