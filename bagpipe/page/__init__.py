"""One page of everything: the results and the texts behind them, to explore in a browser, offline."""
