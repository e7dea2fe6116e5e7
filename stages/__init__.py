"""What DVC runs. A stage is a module of its name here, or in a folder of its name; `common` is what several share."""
