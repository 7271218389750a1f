//! no_std codecs and drivers for scanners, printers and scales.
