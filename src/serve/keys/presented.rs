//! Where a request has its key. Pure.

/// The key that a request presents: by the header `x-api-key`, else by `Authorization`, as `Bearer KEY` or as the access key
/// id of an AWS signature, `AWS4-HMAC-SHA256 Credential=KEY/20261126/..`, whose signature isn't checked: the id is the key.
pub fn presented<'a>(x_api_key: Option<&'a [u8]>, authorization: Option<&'a [u8]>) -> Option<&'a [u8]> {
    let key = x_api_key.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
    key.or_else(|| of_authorization(authorization?.trim_ascii()))
}

fn of_authorization<'a>(value: &'a [u8]) -> Option<&'a [u8]> {
    let end = value.iter().position(u8::is_ascii_whitespace)?;
    let (scheme, rest) = (&value[..end], value[end..].trim_ascii());
    let key = if scheme.eq_ignore_ascii_case(b"bearer") {
        rest
    } else if scheme.get(..5).is_some_and(|aws| aws.eq_ignore_ascii_case(b"AWS4-")) {
        let credential = |part: &'a [u8]| part.trim_ascii().strip_prefix(b"Credential=");
        rest.split(|b| *b == b',')
            .find_map(credential)?
            .split(|b| *b == b'/')
            .next()?
    } else {
        return None;
    };
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_clients_put_it() {
        let aws = "AWS4-HMAC-SHA256 Credential=tfk_a/20261126/us-east-1/sagemaker/aws4_request, \
                   SignedHeaders=host;x-amz-date, Signature=0f";
        let late =
            "AWS4-ECDSA-P256-SHA256 SignedHeaders=host,Signature=0f,Credential=tfk_a/20261126/sagemaker/aws4_request";
        for (x_api_key, authorization, key) in [
            (Some("tfk_a"), None, Some("tfk_a")),
            (Some(" tfk_a\t"), None, Some("tfk_a")),
            (None, Some("Bearer tfk_a"), Some("tfk_a")),
            (None, Some("bearer   tfk_a "), Some("tfk_a")),
            (None, Some(aws), Some("tfk_a")),
            (None, Some(late), Some("tfk_a")),
            // What the gateway's clients always sent counts more than what a proxy or SDK adds.
            (Some("tfk_b"), Some(aws), Some("tfk_b")),
            (Some(""), Some("Bearer tfk_a"), Some("tfk_a")),
            (None, None, None),
            (Some("  "), None, None),
            (None, Some(""), None),
            (None, Some("Bearer"), None),
            (None, Some("Bearer  "), None),
            (None, Some("tfk_a"), None),
            (None, Some("Basic dGZrX2E6"), None),
            (None, Some("Bearertfk_a x"), None),
            (None, Some("AWS4-HMAC-SHA256 Signature=0f"), None),
            (None, Some("AWS4-HMAC-SHA256 Credential=/20261126"), None),
        ] {
            let found = presented(x_api_key.map(str::as_bytes), authorization.map(str::as_bytes));
            assert_eq!(found, key.map(str::as_bytes), "{x_api_key:?} {authorization:?}");
        }
    }
}
