"""What draws charts in a browser, for pages that ask the network for nothing."""

VEGA_LITE = "6.4"


def read_vega_script(vega_lite: str = VEGA_LITE) -> str:
    """JavaScript that sets `window.vegaEmbed`, `window.vega` and `window.vegaLite`: 900 kB, of the pinned package."""
    import vl_convert

    return vl_convert.javascript_bundle(vl_version=vega_lite)  # type: ignore[call-arg] # its stub lacks a default
