//! Decides which addresses requests may be sent to, so that users who may define a webhook cannot reach private networks with it.
//!
//! Names are resolved once, all addresses are checked, and the connection is made to a checked address. Without this, a name that
//! resolves to a public address when it is checked and to a private one when it is used would pass.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks that are not part of the public internet. IPv4 addresses that are embedded in IPv6 addresses are checked as IPv4 addresses.
const REFUSED: &[&str] = &[
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // shared by customers of a provider; cloud metadata
    "127.0.0.0/8",     // loopback
    "169.254.0.0/16",  // link-local; cloud metadata
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.88.99.0/24",  // 6to4 relays, no longer used
    "192.168.0.0/16",  // private
    "198.18.0.0/15",   // benchmarks
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved; broadcast
    "::/96",           // unspecified, loopback, IPv4-compatible
    // Translation for a network's own use. The position of the embedded address depends on that network, so it cannot be checked.
    "64:ff9b:1::/48",
    "100::/64",       // discard
    "100:0:0:1::/64", // dummy
    "2001::/23", // protocol assignments; Teredo, which sends packets to an IPv4 address that is embedded obfuscated
    "2001:db8::/32", // documentation
    "3fff::/20", // documentation
    "5f00::/16", // segment routing
    "fc00::/7",  // private
    "fe80::/10", // link-local
    "fec0::/10", // site-local, no longer used
    "ff00::/8",  // multicast
];

static REFUSED_NETWORKS: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| REFUSED.iter().map(|text| text.parse().expect("the networks are constants")).collect());

/// The addresses that requests may be sent to: those of the public internet, and networks that the worker's configuration allows.
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    allowed: Arc<[IpNet]>,
}

/// The error that a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a network such as `10.20.0.0/16` or `fd00::/8`, or an address")]
pub struct NetworkError {
    text: String,
}

/// The reason why no request may be sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedAddress {
    #[error("{address} is not a public address, and `allow_networks` does not include it")]
    NotPublic { address: IpAddr },
    #[error("{address} may not be called without TLS, because `allow_networks` does not include it")]
    WithoutTls { address: IpAddr },
}

impl AddressGuard {
    /// Creates a guard that also allows these networks, for example `10.20.0.0/16`, or single addresses.
    ///
    /// ```
    /// use eqp_deliver::AddressGuard;
    ///
    /// assert!(AddressGuard::allowing(["10.20.0.0/16", "fd00::7"]).is_ok());
    /// assert!(AddressGuard::allowing(["intranet"]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`NetworkError`] if a text is neither a network nor an address.
    pub fn allowing<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        let read = |text: &str| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| NetworkError { text: text.to_owned() })
        };
        Ok(Self { allowed: networks.into_iter().map(|text| read(text.trim())).collect::<Result<_, _>>()? })
    }

    /// Checks an address to which a request would be sent with or without TLS.
    pub(crate) fn check(&self, address: IpAddr, tls: bool) -> Result<(), RefusedAddress> {
        let meant = reached(address);
        let is_in = |networks: &[IpNet]| networks.iter().any(|net| net.contains(&address) || net.contains(&meant));
        if is_in(&self.allowed) {
            Ok(())
        } else if is_in(&REFUSED_NETWORKS) {
            Err(RefusedAddress::NotPublic { address })
        } else if !tls {
            Err(RefusedAddress::WithoutTls { address })
        } else {
            Ok(())
        }
    }

    /// Checks all addresses of a name. One refused address refuses the name, because any of them could be used.
    fn check_all(&self, addresses: &[SocketAddr], tls: bool) -> Result<(), RefusedAddress> {
        addresses.iter().try_for_each(|address| self.check(address.ip(), tls))
    }
}

/// Returns the address that is reached: the embedded IPv4 address of an IPv4-mapped, NAT64 or 6to4 address.
fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    embedded(v6).map_or(address, IpAddr::V4)
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

/// Resolves names for requests, and fails for names that have an address that is not allowed.
pub(crate) struct GuardedResolver {
    pub(crate) guard: AddressGuard,
    pub(crate) tls: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, tls) = (self.guard.clone(), self.tls);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            guard.check_all(&found, tls).map_err(Box::<dyn StdError + Send + Sync>::from)?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(guard: &AddressGuard, address: &str) -> bool {
        guard.check(address.parse().unwrap(), true).is_ok()
    }

    #[test]
    fn the_first_and_the_last_address_of_each_refused_network_is_refused() {
        for text in REFUSED {
            let network: IpNet = text.parse().unwrap();
            for address in [network.network(), network.broadcast()] {
                assert!(AddressGuard::default().check(address, true).is_err(), "{address} of {text}");
            }
        }
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_allowed(&AddressGuard::default(), address), "{address}");
        }
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_embedded() {
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "::",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1.1.1.1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001:0:101:101::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_allowed(&AddressGuard::default(), address), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_allowed_in_every_form_and_no_other_is() {
        let guard = AddressGuard::allowing(["10.20.0.0/16", "fd00:1::/32", "192.168.1.5"]).unwrap();
        for address in ["10.20.3.4", "::ffff:10.20.3.4", "64:ff9b::10.20.3.4", "fd00:1::9", "192.168.1.5", "1.1.1.1"] {
            assert!(is_allowed(&guard, address), "{address}");
        }
        for address in ["10.21.0.1", "::ffff:10.21.0.1", "fd00:2::9", "192.168.1.6", "127.0.0.1"] {
            assert!(!is_allowed(&guard, address), "{address}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_refuses_the_name() {
        let addresses = ["1.1.1.1:443", "[2606:4700::1111]:443", "10.0.0.1:443"].map(|text| text.parse().unwrap());
        let refused = AddressGuard::default().check_all(&addresses, true).unwrap_err();
        assert_eq!(refused, RefusedAddress::NotPublic { address: "10.0.0.1".parse().unwrap() });
        AddressGuard::default().check_all(&addresses[..2], true).unwrap();
    }

    #[test]
    fn without_tls_only_allowed_networks_can_be_called() {
        let guard = AddressGuard::allowing(["10.20.0.0/16"]).unwrap();
        guard.check("10.20.3.4".parse().unwrap(), false).unwrap();
        let refused = guard.check("1.1.1.1".parse().unwrap(), false).unwrap_err();
        assert_eq!(refused, RefusedAddress::WithoutTls { address: "1.1.1.1".parse().unwrap() });
    }

    #[test]
    fn a_misspelled_network_is_rejected() {
        for text in ["10.20.0.0/33", "intranet", "", "10.20"] {
            assert_eq!(AddressGuard::allowing([text]).unwrap_err(), NetworkError { text: text.to_owned() });
        }
    }

    #[test]
    fn every_allowed_address_is_global_according_to_python() {
        // The first and the last address of each network in Python's lists, their neighbours, and random addresses.
        let script = "import ipaddress, random
random.seed(7)
def show(address):
    print(address, address.is_global)
for constants, kind, bits in [(ipaddress._IPv4Constants, ipaddress.IPv4Address, 32), (ipaddress._IPv6Constants, ipaddress.IPv6Address, 128)]:
    for network in constants._private_networks:
        for number in [int(network[0]) - 1, int(network[0]), int(network[-1]), int(network[-1]) + 1]:
            if 0 <= number < 2 ** bits:
                show(kind(number))
    for _ in range(300):
        show(kind(random.getrandbits(bits)))
";
        let Ok(python) = std::process::Command::new("python3").args(["-c", script]).output() else {
            println!("not run: python3 is not installed");
            return;
        };
        assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
        let mut allowed = 0;
        for line in String::from_utf8(python.stdout).unwrap().lines() {
            let (address, is_global) = line.split_once(' ').unwrap();
            if is_allowed(&AddressGuard::default(), address) {
                allowed += 1;
                assert_eq!(is_global, "True", "{address}");
            }
        }
        assert!(allowed > 200, "{allowed}");
    }
}
