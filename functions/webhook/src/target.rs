//! Which URLs are called: https, and only where every address of the host is public, so that a tenant cannot make
//! Meterline call the network it runs in.
//!
//! The addresses that were checked are the ones that are connected to: names are resolved here and nowhere else, so
//! that a second answer of the name server cannot slip in between. A machine of one's own may allow all of it.

use domain::webhook::address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

/// Why a URL is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the URL is malformed")]
    Malformed,
    #[error("only https is called")]
    NotHttps,
    #[error("the host does not resolve")]
    Unresolved,
    #[error("private addresses are not called")]
    Private,
}

/// Where calls may go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Targets {
    /// Public addresses over https.
    Public,
    /// Private ones too, and http: a machine of one's own.
    Any,
}

impl Targets {
    /// The URL in `text`, if it may be called as far as can be told before its name is resolved.
    ///
    /// An address in the URL never reaches the resolver, so it is checked here.
    pub(crate) fn check(self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|_| Refused::Malformed)?;
        match (self, url.scheme()) {
            (_, "https") | (Self::Any, "http") => {}
            _ => return Err(Refused::NotHttps),
        }
        match url.host() {
            None => Err(Refused::Malformed),
            Some(Host::Domain(_)) => Ok(url),
            Some(Host::Ipv4(v4)) => self.check_addresses([v4.into()]).map(|()| url),
            Some(Host::Ipv6(v6)) => self.check_addresses([v6.into()]).map(|()| url),
        }
    }

    /// Refuses all if any is private: a name that leads both ways is a trap or a mistake, and which of its addresses
    /// a call would reach is chance.
    fn check_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Refused> {
        match self {
            Self::Any => Ok(()),
            Self::Public if addresses.into_iter().all(address::is_public) => Ok(()),
            Self::Public => Err(Refused::Private),
        }
    }

    async fn addresses(self, name: &str) -> Result<Vec<SocketAddr>, Refused> {
        // Port 0 stands for the URL's own.
        let found = tokio::net::lookup_host((name, 0)).await.map_err(|_| Refused::Unresolved)?;
        let found: Vec<SocketAddr> = found.collect();
        if found.is_empty() {
            return Err(Refused::Unresolved);
        }
        self.check_addresses(found.iter().map(SocketAddr::ip))?;
        Ok(found)
    }
}

impl Resolve for Targets {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = *self;
        Box::pin(async move {
            let addresses = targets.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::name("https://example.com/hooks?token=1", Ok(()), Ok(()))]
    #[case::other_port("https://example.com:8443/", Ok(()), Ok(()))]
    #[case::public_address("https://93.184.216.34/", Ok(()), Ok(()))]
    #[case::public_address_v6("https://[2606:2800:220:1::1]/", Ok(()), Ok(()))]
    #[case::plain_http("http://example.com/", Err(Refused::NotHttps), Ok(()))]
    #[case::other_scheme("ftp://example.com/", Err(Refused::NotHttps), Err(Refused::NotHttps))]
    #[case::file("file:///etc/passwd", Err(Refused::NotHttps), Err(Refused::NotHttps))]
    #[case::no_url("example.com", Err(Refused::Malformed), Err(Refused::Malformed))]
    #[case::no_host("https://", Err(Refused::Malformed), Err(Refused::Malformed))]
    #[case::loopback("https://127.0.0.1/", Err(Refused::Private), Ok(()))]
    #[case::loopback_v6("https://[::1]/", Err(Refused::Private), Ok(()))]
    #[case::private("https://10.0.0.1/", Err(Refused::Private), Ok(()))]
    #[case::metadata("https://169.254.169.254/latest/meta-data/", Err(Refused::Private), Ok(()))]
    #[case::mapped_metadata("https://[::ffff:169.254.169.254]/", Err(Refused::Private), Ok(()))]
    #[case::one_number("https://2130706433/", Err(Refused::Private), Ok(()))]
    #[case::hexadecimal("https://0x7f.1/", Err(Refused::Private), Ok(()))]
    #[case::octal("https://0177.0.0.1/", Err(Refused::Private), Ok(()))]
    #[case::full_width_digits("https://１２７.0.0.1/", Err(Refused::Private), Ok(()))]
    fn what_is_refused_before_resolving(
        #[case] url: &str,
        #[case] public: Result<(), Refused>,
        #[case] any: Result<(), Refused>,
    ) {
        assert_eq!(Targets::Public.check(url).map(drop), public);
        assert_eq!(Targets::Any.check(url).map(drop), any);
    }

    #[rstest]
    #[case::public(&["93.184.216.34", "2606:2800:220:1::1"], Ok(()))]
    #[case::private(&["10.0.0.1"], Err(Refused::Private))]
    #[case::one_of_them_private(&["93.184.216.34", "10.0.0.1"], Err(Refused::Private))]
    fn a_name_with_any_private_address_is_refused(#[case] found: &[&str], #[case] expect: Result<(), Refused>) {
        let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
        assert_eq!(Targets::Public.check_addresses(found.clone()), expect);
        assert_eq!(Targets::Any.check_addresses(found), Ok(()));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_after_resolving() {
        assert_eq!(Targets::Public.addresses("localhost").await, Err(Refused::Private));
        assert!(!Targets::Any.addresses("localhost").await.unwrap().is_empty());
    }
}
