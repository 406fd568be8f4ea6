//! A checkout with kill points, as a process of its own.

use blazing_sun_backbone::failpoints::plant_from_environment;
use blazing_sun_soak::payments::program::serve;
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let planted = plant_from_environment().map_err(anyhow::Error::msg);
    let served = match (planted, &arguments[..]) {
        (Err(error), _) => Err(error),
        (Ok(()), [folder, bank]) => serve(folder.as_ref(), bank).await,
        _ => Err(anyhow::anyhow!(
            "takes a folder and the address of the test bank"
        )),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a reader there is nobody to tell; the exit code says it too.
            let _ = writeln!(
                std::io::stderr(),
                "blazing-sun-checkout-under-fault: {error:#}"
            );
            ExitCode::from(2)
        }
    }
}
