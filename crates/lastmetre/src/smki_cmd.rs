//! `lastmetre smki`: the repository of certificates of a DCC, and its authority for devices (docs/smki.md).
use crate::failure::Failure;
use crate::home::Home;
use crate::input::read;
use dcc::repository::Query;
use gbcs::Eui64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use web::{Answer, Client, Failed};

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Print the certificates that fit all that is given; exit 1 where there is none
    Search(SearchArgs),
    /// Have a device's certification request (the answer to SRV 6.17) certified, and print the certificate in PEM
    Request {
        /// The DCC, such as http://127.0.0.1:8079
        #[arg(long, value_name = "URL")]
        to: String,
        /// A home whose certificates are shown to a DCC at https
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// PKCS #10 in PEM or base64; standard input where it is `-` or not given
        file: Option<PathBuf>,
    },
}

/// `lastmetre smki search`.
#[derive(clap::Args)]
pub struct SearchArgs {
    /// The DCC, such as http://127.0.0.1:8079
    #[arg(long, value_name = "URL")]
    to: String,
    /// A home whose certificates are shown to a DCC at https
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Of whom: a device or an organisation
    entity: Option<Eui64>,
    /// Of organisations in this role: its number, or a name such as supplier
    #[arg(long)]
    role: Option<String>,
    /// digital-signature, key-agreement or key-cert-sign
    #[arg(long)]
    usage: Option<String>,
    /// pending, in-use, not-in-use, expired or revoked
    #[arg(long)]
    status: Option<String>,
    /// The issuer's name, such as CN=LM,OU=07
    #[arg(long)]
    issuer: Option<String>,
    /// Serial number, in decimal
    #[arg(long)]
    serial: Option<String>,
    /// One JSON object per certificate
    #[arg(long, conflicts_with = "pem")]
    json: bool,
    /// The certificates in PEM
    #[arg(long)]
    pem: bool,
}

/// Run the command.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::input)?;
    match command {
        Command::Search(args) => runtime.block_on(search(args)),
        Command::Request { to, home, file } => {
            runtime.block_on(request(&client(home.as_deref())?, to, read(file.as_deref())?))
        }
    }
}

async fn search(args: &SearchArgs) -> Result<ExitCode, Failure> {
    let entity = args.entity.map(|entity| entity.to_string());
    let wanted = [
        ("entity", &entity),
        ("role", &args.role),
        ("usage", &args.usage),
        ("status", &args.status),
        ("issuer", &args.issuer),
        ("serial", &args.serial),
    ];
    let wanted = wanted.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let mut query = Query::from_parameters(wanted).map_err(Failure::input)?;
    let client = client(args.home.as_deref())?;
    // As long as there are more.
    loop {
        let pair = |(name, value): (&str, String)| format!("{name}={}", encoded(value));
        let parameters: Vec<String> = query.parameters().into_iter().map(pair).collect();
        let url = format!("{}?{}", path(&args.to, "/services/certificatesearch"), parameters.join("&"));
        let text = answered(client.get(&url).await)?;
        let answer: Value = serde_json::from_str(&text).map_err(not_understood)?;
        let found = answer["certificates"].as_array().ok_or_else(|| not_understood("no certificates in it"))?;
        for certificate in found {
            tell(args, certificate)?;
        }
        query.skip = query.skip.saturating_add(found.len() as u32);
        if answer["more"] != true || found.is_empty() {
            break;
        }
    }
    if query.skip == 0 {
        return Err(Failure::did_not_hold("no such certificate"));
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(args: &SearchArgs, certificate: &Value) -> Result<(), Failure> {
    if args.json {
        say!("{certificate}");
        return Ok(());
    }
    let word = |name: &str| certificate[name].as_str().unwrap_or("-");
    if args.pem {
        use base64::Engine;
        let octets = base64::engine::general_purpose::STANDARD.decode(word("certificate_der"));
        say!("{}", smki::to_pem(&octets.map_err(not_understood)?).trim_end());
        return Ok(());
    }
    let role = certificate["role"].as_u64().map_or(String::new(), |role| format!(", role {role}"));
    say!("{} {} {}: {}{role}", word("entity"), word("kind"), word("usage"), word("status"));
    say!("  issuer {}, serial number {}", word("issuer"), word("serial"));
    say!("  from {} to {}", word("not_before"), word("not_after"));
    Ok(())
}

async fn request(client: &Client, to: &str, text: String) -> Result<ExitCode, Failure> {
    let url = path(to, "/services/certificaterequest");
    let certificate = answered(client.post(&url, "application/pkcs10", text).await)?;
    say!("{}", certificate.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn client(home: Option<&Path>) -> Result<Client, Failure> {
    /// Longer than any page of a search.
    const LIMIT: usize = 16 << 20;
    let tls = match home {
        Some(home) => Home::open(home)?.supplier_tls().map_err(Failure::input)?.map(|(_, client)| client),
        None => None,
    };
    Client::new(tls, Duration::from_secs(30), LIMIT).map_err(Failure::input)
}

fn path(to: &str, path: &str) -> String {
    format!("{}{path}", to.trim_end_matches('/'))
}

fn encoded(value: impl AsRef<str>) -> String {
    utf8_percent_encode(value.as_ref(), NON_ALPHANUMERIC).to_string()
}

/// The text of a good answer; what a problem document says otherwise.
fn answered(answer: Result<Answer, Failed>) -> Result<String, Failure> {
    let answer = answer.map_err(|failed| match failed {
        Failed::Url(_) | Failed::NoTls(_) => Failure::input(failed),
        _ => Failure::did_not_hold(failed).hint("`lastmetre dcc --home DIR` runs one"),
    })?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.is_success() {
        return Ok(text);
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("without a word why");
    let failure = format!("HTTP status {}: {detail}", answer.status);
    Err(if (400..500).contains(&answer.status) { Failure::input(failure) } else { Failure::did_not_hold(failure) })
}

fn not_understood(error: impl std::fmt::Display) -> Failure {
    Failure::did_not_hold(format!("what came is not the answer to a search: {error}"))
}
