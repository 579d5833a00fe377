"""How well doors decide, on labelled recordings, against simple rules and another gateway's rule."""
