"""How the files of providers are read: pages, tables, manifests, and the values in them."""
