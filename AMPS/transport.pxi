# transport.pxi: where and how to connect, from a connection string to the core.


cdef int check_transport(object uri) except -1:
    """Refuses what this version cannot do, rather than connecting in some other way."""
    if uri.scheme != "tcp":
        raise _exceptions.TransportTypeException(
            f"cannot use connection string '{uri}': transport {uri.scheme} is not available "
            "in this version, only tcp")
    for name in ("http_preflight", "compression"):
        if uri.options[name]:
            raise _exceptions.InvalidTransportOptionsException(
                f"cannot use connection string '{uri}': {name} is not available in this version")
    return 0


cdef list address_of(object uri, amps_address *address):
    """Where and how to connect; returns what keeps the texts alive."""
    options = uri.options
    bind, bind_port = options["bind"] or ("", 0)
    kept = [borrow_text(uri.host, &address.host), borrow_text(bind, &address.bind)]
    address.port = uri.port
    address.bind_port = bind_port
    address.prefer_ipv6 = options["ip_protocol_prefer"] == "ipv6"
    address.nodelay = options["tcp_nodelay"]
    address.keepalive = options["tcp_keepalive"]
    address.linger_s = -1 if options["tcp_linger"] is None else options["tcp_linger"]
    address.send_size = options["tcp_sndbuf"] or 0
    address.receive_size = options["tcp_rcvbuf"] or 0
    return kept
