#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blazing_sun_gateway::fuzzing::client_message(bytes));
