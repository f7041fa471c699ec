//! The ECS world: components, resources, `Phase` order, one plugin per mechanism.
