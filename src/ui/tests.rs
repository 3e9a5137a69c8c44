//! Pages of hostile and odd packages.
